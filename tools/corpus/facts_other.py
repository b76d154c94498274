"""Facts about mathematics, history, language, daily life and programming: claim | truth | reason | guiding question."""

FACTS = """
multiplying always makes a number larger|multiplying by a number below 1 makes a positive number smaller|half of 8 is 4, which is 8 times 0.5|what is 10 times 0.1
division always makes a number smaller|dividing by a number between 0 and 1 makes a positive number larger|6 divided by 0.5 is 12, since twelve halves fit into 6|how many quarters fit into 3
0.35 is larger than 0.4 because 35 is larger than 4|0.4 is larger than 0.35|0.4 equals 0.40, and 40 hundredths exceed 35 hundredths|how would both numbers look with two decimals
one divided by zero is zero|division by zero is not defined|no number times zero gives one|which number times zero would be one
a square is not a rectangle|every square is a rectangle|a rectangle needs four right angles, and a square satisfies this condition|which property of a rectangle would a square lack
after five heads in a row tails is more likely|a fair coin still shows tails with probability one half|the coin has no memory of earlier throws|how could the coin know what happened before
adding fractions means adding the tops and the bottoms|fractions need a common denominator before they are added|one half plus one third is five sixths and not two fifths|is two fifths larger or smaller than one half
minus three squared and minus three in brackets squared are the same|without brackets the square applies only to the 3|the first is -9 while the second is 9|which operation is done first without brackets
the square root of a sum is the sum of the square roots|the root of a sum is usually not the sum of the roots|the root of 9 plus 16 is 5, whereas 3 plus 4 is 7|what happens when you test the rule with 1 and 1
a number is even if it ends in an odd digit|a whole number is even exactly when its last digit is even|the tens and hundreds are always divisible by two|which part of 374 decides whether it is even
one is a prime number|one is not a prime number|a prime has exactly two divisors and one has only itself|how many divisors does the number 7 have
all prime numbers are odd|two is a prime number and it is even|two has exactly the divisors 1 and 2|which even number has only two divisors
a larger perimeter always means a larger area|the perimeter does not determine the area|a rectangle of 1 by 9 has the same perimeter as a square of 5 by 5 but less area|which rectangle with perimeter 20 has the largest area
doubling the side of a square doubles its area|doubling the side makes the area four times as large|both length and width are doubled|how many small squares fit into the larger one
0.999 with endless nines is a little less than 1|0.999 with endless nines equals 1|no positive number fits between them|what would the difference between the two be
percent increases and decreases of the same size cancel|a rise of 10 percent and a fall of 10 percent leave 99 percent|the second change is taken from a larger base|what are 10 percent of 110
the average is always the middle value|the average and the median can differ a lot|one very large value pulls the average up|what is the average of 1, 2 and 30
correlation shows that one thing causes the other|correlation alone does not demonstrate a cause|a third factor may influence both quantities|why do ice cream sales and sunburns rise together
an angle gets larger when its sides are drawn longer|the length of the sides does not change an angle|the angle measures only the turn between the two directions|what happens to the angle if the sides are cut in half
a triangle can have two right angles|a triangle in the plane has at most one right angle|the three angles add up to 180 degrees|how much would be left for the third angle
negative times negative is negative|the product of two negative numbers is positive|this keeps the rules of arithmetic consistent|which pattern do 2, 1, 0, -1 times -3 follow
zero is neither even nor odd|zero is an even number|it equals two times zero|does zero leave a remainder when divided by two
a bigger denominator means a bigger fraction|with the same numerator a bigger denominator gives a smaller fraction|the whole is cut into more and therefore smaller pieces|would you rather have a third or an eighth of a cake
infinity is a very large number|infinity is not an ordinary number|it describes something that grows beyond every bound|which number would be just before infinity
pi is exactly 22 divided by 7|pi is only approximately 22 divided by 7|pi is irrational and so no fraction equals it|how far apart are the two after the third decimal
an equation with x has always exactly one solution|an equation may have no, one or many solutions|x squared equals 4 has the two solutions 2 and -2|which numbers satisfy x equals x
Napoleon was extremely short|Napoleon was about average height for his time|French inches were longer than English ones, which confused later readers|how could a different unit create a legend
Columbus proved that the Earth is round|educated people knew that the Earth is round long before Columbus|Greek scholars had even estimated its size|what evidence could a sailor observe
Vikings wore helmets with horns|there is no evidence that Vikings wore horned helmets in battle|the image was spread by opera costumes in the nineteenth century|what use would horns be in a fight
the pyramids were built by slaves|evidence suggests that paid laborers built the pyramids|their villages, meals and tombs have been excavated|what would a tomb near the king suggest about a worker
Einstein failed mathematics at school|Einstein was very good at mathematics as a child|he had mastered calculus by the age of fifteen|which document could settle such a question
Marie Antoinette said let them eat cake|there is no good evidence that Marie Antoinette said this|a similar story was written down when she was still a child|why would people attribute the line to her
Edison invented the very first electric lamp|others had made electric lamps before Edison|he produced a lamp that lasted and could be sold|what is the difference between an invention and an improvement
people in the Middle Ages thought that the Earth was flat|most scholars of the Middle Ages knew that the Earth is a sphere|this claim became popular only in the nineteenth century|which texts would you consult to find out
the Roman Empire ended everywhere in the year 476|the eastern half of the Roman Empire lasted until 1453|only the last western emperor was removed in 476|which city was the eastern capital
the French Revolution began in 1889|the French Revolution began in 1789|the Eiffel Tower was opened a hundred years later|which building was stormed in July 1789
the First World War began in 1918|the First World War began in 1914 and ended in 1918|the murder in Sarajevo came first and the armistice last|which event happened in Sarajevo
the printing press was invented in Europe before anyone else printed|printing with blocks and movable type existed earlier in East Asia|the press of Gutenberg made it fast and cheap in Europe|what made printing so much faster in Europe
Cleopatra lived at the time when the pyramids were built|Cleopatra lived closer to our time than to the building of the great pyramid|the pyramid was already about two and a half thousand years old|how could a timeline help you here
gladiators always fought until one of them died|many gladiators survived their fights|they were expensive to train and so often spared|who would lose money if a gladiator died
Latin is the language from which English comes|English is a Germanic language with many Latin and French words|its basic grammar and its commonest words are Germanic|from which family do words like house and water come
a sentence may never end with a preposition|ending a sentence with a preposition is acceptable in English|good writers have done so for centuries|which version sounds more natural to you
its and it's mean the same thing|its shows possession while it's is short for it is|the apostrophe marks letters that were left out|can you replace the word by it is
less and fewer can always be exchanged|fewer goes with things that are counted and less with amounts|one speaks of fewer cups but less tea|can you count the thing in question
a double negative is simply stronger|in standard English a double negative turns into a positive|not impossible means possible|what does not unhappy mean
they're, their and there are one word|they are three different words that sound alike|the first is short for they are, the second shows possession, the third names a place|which of the three shows possession
affect and effect are the same|affect is usually a verb and effect usually a noun|rain affects the harvest and the harvest shows the effect|which word would follow the article the
all languages use an alphabet|many languages are written without an alphabet|Chinese characters, for instance, stand for syllables with meaning|what does a single Chinese character represent
a synonym has exactly the same meaning|synonyms are similar but seldom identical in meaning|slim and skinny carry different judgments|would you call a friend slim or skinny
a simile and a metaphor are identical|a simile compares with like or as while a metaphor does so directly|brave as a lion is a simile|which small word reveals a simile
the plural of sheep is sheeps|the plural of sheep is sheep|some nouns keep the same form for one and for many|which other animal has the same plural form
swallowed gum stays in the stomach for seven years|swallowed gum leaves the body within a few days|it is not digested but it moves on like other things|what usually happens to things that cannot be digested
carrots give you the power to see in the dark|carrots do not improve normal eyesight|only a lack of vitamin A can be corrected in this way|who would benefit from more vitamin A
coffee is made from beans in the botanical sense|coffee beans are the seeds of a fruit|they come from a red cherry|what grows around the seed
reading in dim light ruins the eyes|reading in dim light tires the eyes but does not damage them|the discomfort disappears after a rest|how would lasting damage differ from being tired
one must wait an hour after eating before swimming|a short wait after a meal is a matter of comfort rather than safety|there is hardly any evidence of added danger|which evidence would support the warning
hot water never freezes faster so boiling kills nothing|boiling water kills most germs|heat destroys the proteins that germs need|why do hikers boil water from a stream
eggs are white or brown because of their quality|the color of an egg depends on the breed of the hen|both kinds contain the same nutrients|what would you compare to judge quality
a microwave makes food radioactive|a microwave oven does not make food radioactive|its waves only make the water in the food warm|what is the difference between heating and radioactivity
closing other apps always saves much battery|closing all apps often saves little or no battery|starting them again also costs energy|when would a sleeping app use power
a full charge means that a phone should never be unplugged|a phone may be unplugged at any time|modern batteries wear less when they are not kept full|how would one measure the wear of a battery
turning a lamp on uses more energy than leaving it on all night|leaving a lamp on all night uses far more energy|the extra energy at the start lasts only a fraction of a second|how long would the lamp have to burn to use the same energy
shutting the window keeps a room healthy in winter|a room needs fresh air in winter too|moist air that stays inside can lead to mold|what happens to the water that we breathe out
a recipe for two is made for four by doubling the baking time|doubling the amounts does not simply double the baking time|the time depends on the thickness of the dish|what would change in a deeper pan
a kilogram of feathers is lighter than a kilogram of lead|both weigh the same|a kilogram is a kilogram whatever the material|which of the two takes up more space
a variable in a program is the same as an unknown in an equation|a variable in a program is a name for a value that may change|the line x = x + 1 makes sense in a program but not as an equation|what does the computer work out first in x = x + 1
a single equals sign compares two values|a single equals sign assigns and a double one compares|mixing them up is a common error|which of the two belongs in a condition
counting in a list begins at one|in most languages the first index of a list is zero|the index measures the distance from the beginning|what is the last index of a list with five items
a function that prints a value also returns it|printing and returning are different things|printing shows text on the screen while returning hands a value to the caller|what could the caller do with a value that is only printed
a loop always runs at least once|a loop may run zero times|a while loop checks its condition before the first round|what happens if the condition is false at the start
a program without error messages must be right|a program may run without errors and still give wrong results|only tests and careful reasoning reveal errors of logic|how would you demonstrate that the result is right
a longer program is always slower|the number of lines says little about speed|what matters is how many steps are carried out|how often is the line inside a loop executed
computers store decimal fractions exactly|most decimal fractions are stored only approximately|0.1 has no finite form in the binary system|why might 0.1 plus 0.2 not equal 0.3 exactly
a local variable is visible everywhere|a local variable is visible only inside its function|each call has its own copy|where is the name defined
copying a list with an equals sign makes a second list|an equals sign gives the same list a second name|a change through one name is visible through the other|how many lists are there in memory
recursion means that a program never ends|recursion ends when a base case is reached|each call must move closer to this case|which input should be solved directly
comments make a program slower|comments have no effect on the speed of a program|they are ignored when the program is run|for whom are comments written
the word true and the value True are the same|the text with the letters of true is a string and not a boolean|quotation marks create a string|what type does a value in quotation marks have
an else branch runs in addition to the if branch|exactly one of the two branches runs|the condition decides which one is chosen|can a condition be true and false at once
sorting is needed before searching any list|an unsorted list can be searched one item at a time|sorting only permits faster methods|when is it worth sorting first
one passing test shows that a program works|one passing test demonstrates only that one case works|an error may hide in the cases that were not tested|which edge cases would you try next
an algorithm is the same as a program|an algorithm is a method and a program is one way to write it down|the same method can be expressed in many languages|could you follow the method with pencil and paper
the Internet and the Web are the same|the Web is one service that uses the Internet|email and video calls use it too|which services would remain without web pages
a byte is eight times smaller than a bit|a byte consists of eight bits|a bit is the smallest unit|how many values can eight bits represent
deleting a file removes it from the disk at once|deleting usually only marks the space as free|the data stay until they are overwritten|how can a recovery program find the file
Sydney is the capital of Australia|Canberra is the capital of Australia|it was founded as a compromise between Sydney and Melbourne|why might two rival cities agree on a third
Africa is a country|Africa is a continent with more than fifty countries|its peoples speak well over a thousand languages|which countries in Africa can you name
Greenland is as large as Africa|Africa is about fourteen times as large as Greenland|a common world map enlarges regions near the poles|what happens when a globe is pressed flat
the Sahara is the largest desert of all|Antarctica is the largest desert, and the Sahara is the largest hot one|deserts are defined by how little rain or snow falls|what does the word desert mean precisely
all rivers flow from north to south|rivers flow downhill in whatever direction that may be|the Nile, for instance, flows north|what decides the direction of a river
supply has no influence on a price|prices tend to fall when supply grows and demand stays the same|sellers compete for the same buyers|what happens to the price of berries in a good summer
printing more money makes everyone richer|printing more money mainly raises prices|the amount of goods does not grow with the notes|what could people buy if everyone had twice as much money
an opinion and a fact differ only in strength|a fact can be checked while an opinion expresses a judgment|evidence settles the first but not always the second|how would you test the statement
a famous author is always a reliable source|a source should be judged by its evidence|even experts are mistaken outside their field|which evidence does the author present
a theory in science is just a guess|a scientific theory is a well tested explanation|it accounts for many observations and permits predictions|what would count as evidence against it
an experiment without a control group is enough|a control group shows what happens without the treatment|otherwise other causes cannot be ruled out|how would you know that the change was not due to chance
"""
