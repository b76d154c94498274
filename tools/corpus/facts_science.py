"""Facts about science and nature: claim (a misconception) | truth | reason | guiding question."""

FACTS = """
heavy objects fall faster than light ones|without air resistance all objects fall at the same rate|gravity accelerates every mass equally, and only the air slows a feather down|what would happen to a hammer and a feather on the Moon
the seasons come from the changing distance to the Sun|the seasons are caused by the tilt of the axis of the Earth|when one half of the globe leans toward the Sun it receives more direct light|why is it winter in Australia when it is summer in Europe
plants get their mass from the soil|plants take most of their mass from carbon dioxide in the air|photosynthesis turns carbon dioxide and water into sugar|where does the wood of a tree in a pot come from
humans use only ten percent of the brain|people use practically all of the brain|scans demonstrate activity in every region over a single day|why would damage to almost any region cause problems
lightning never strikes the same place twice|lightning often strikes the same place again|tall towers are hit many times a year because they offer the easiest path|why do tall buildings need lightning rods
the Moon produces its own light|the Moon only reflects light from the Sun|its surface is dark rock that scatters sunlight|why does the bright part of the Moon change during a month
phases of the Moon are caused by the shadow of the Earth|the phases show how much of the sunlit half we can see|the shadow of the Earth matters only during a lunar eclipse|where does the Sun stand when the Moon is full
bats are blind|bats can see, and many of them also use echoes|their eyes work well in dim light while sound helps them in full darkness|which sense would help more in a dark cave
goldfish have a memory of three seconds|goldfish can remember things for months|they can be trained to respond to a sound and still know it much later|how could an experiment measure the memory of a fish
sugar makes children hyperactive|careful studies find no link between sugar and hyperactive behavior|parents who expect the effect tend to see it even when no sugar was given|why is a blind test useful here
the Great Wall of China is visible from the Moon|no single building can be seen from the Moon with the naked eye|the wall is long but only a few meters wide|which property matters for seeing something from far away, length or width
antibiotics cure a cold|antibiotics do not help against a cold|colds are caused by viruses and antibiotics act only on bacteria|what is the difference between a virus and a bacterium
all bacteria are harmful|most bacteria are harmless and many are useful|bacteria in the gut help us to digest food|which foods are made with the help of bacteria
blood in the veins is blue|blood is always red|veins only look blue because of the way the skin scatters light|what color is blood when it is taken with a needle
cracking the knuckles causes arthritis|cracking the knuckles has not been shown to cause arthritis|the sound comes from gas bubbles in the fluid of the joint|which kind of study could test this claim
water conducts electricity well even when it is pure|pure water conducts electricity very poorly|the dissolved salts carry the charge in ordinary water|what changes when salt is added to the water
summer is warm because days are closer to the Sun|summer is warm because the Sun stands higher and the days are longer|light that falls steeply heats the ground more strongly|when in the year is the Earth closest to the Sun
sound travels faster than light|light travels far faster than sound|light needs about a millionth of the time for the same distance in air|why do we see the flash before we hear the thunder
sound can travel through empty space|sound needs a material such as air or water to travel|it is a wave of pressure and a vacuum has nothing to press|what would you hear next to an explosion in space
there is no gravity in space|gravity acts everywhere, also in orbit|astronauts float because they fall around the Earth together with their station|what keeps the Moon near the Earth
astronauts float because they are too far from the Earth|astronauts float because they are in free fall around the Earth|gravity at the height of the station is still about nine tenths of that on the ground|what would happen if the station stopped moving sideways
a force is needed to keep an object moving|an object keeps moving at the same speed when no net force acts|friction is what normally slows things down|what would a puck do on perfectly smooth ice
evolution means that an individual animal changes during its life|evolution is change in a population over many generations|individuals with useful traits leave more offspring|which level changes, the single animal or the group
humans evolved from chimpanzees|humans and chimpanzees share a common ancestor|the two lines separated several million years ago|are two cousins each other's ancestors
giraffes have long necks because their ancestors stretched them|giraffes with longer necks left more offspring over many generations|stretching a neck does not alter the genes that are passed on|would the child of a weightlifter be born with large muscles
metal is always colder than wood in the same room|metal and wood in the same room have the same temperature|metal conducts heat away from the hand more quickly|what would a thermometer show on both surfaces
a coat produces warmth|a coat does not produce warmth but keeps it in|it slows the loss of heat from the body|what would happen to an ice cube wrapped in a coat
ice melts faster when it is wrapped in wool|wool slows the melting of ice|it keeps the heat of the room away from the ice|does the wool make heat or only slow its flow
boiling water gets hotter the longer it boils|boiling water stays at about 100 degrees at sea level|the extra energy turns water into steam|where does the energy of the stove go
clouds are made of water vapor|clouds consist of tiny drops of water or crystals of ice|water vapor itself cannot be seen|why can we see a cloud but not the moist air around it
rain drops are shaped like tears|small rain drops are nearly round|surface tension pulls the water into a ball|which shape has the smallest surface
the North Star is the brightest star in the night sky|the North Star is only moderately bright|it is famous because it stays almost in the same place|which star appears brightest at night
the Sun is yellow|the light of the Sun is essentially white|the air scatters blue light and makes the Sun look yellow|what color does the Sun have when seen from space
the sky is blue because it reflects the sea|the sky is blue because air scatters blue light most strongly|the sea looks blue partly because of the sky|what is the sky like far from any sea
deserts are always hot|some deserts are cold|a desert is defined by little rain or snow and not by heat|why does Antarctica count as a desert
camels store water in their humps|camels store fat in their humps|the fat gives them energy during long journeys|which substance would be a better store of energy
spiders are insects|spiders are arachnids and not insects|they have eight legs whereas insects have six|how many legs does a beetle have
whales are fish|whales are mammals|they breathe air and feed milk to their young|how does a whale get its oxygen
mushrooms are plants|mushrooms are fungi|they do not make sugar from light as plants do|which green substance is missing in a mushroom
tomatoes are not fruits in botany|in botany a tomato is a fruit|it grows from a flower and holds the seeds|which part of the plant contains the seeds
diamonds are formed from coal|most diamonds formed deep in the mantle from carbon that was never coal|they are usually far older than the first land plants|can a diamond be older than the plants that became coal
an atom is mostly solid|an atom is mostly empty space|the nucleus is tiny compared with the whole atom|how large is the nucleus if the atom were a stadium
electrons move through a wire at the speed of light|the electrons drift slowly while the signal travels fast|a push at one end is felt along the wire almost at once|why does a lamp light immediately all the same
batteries store electric charge like a bucket stores water|a battery stores chemical energy|a reaction moves charge around the circuit when it is closed|how much net charge does a full battery carry
ice should sink in water because it is solid|ice floats because it is less dense than liquid water|water expands when it freezes|what matters for floating, weight or density
heavy things always sink|whether a thing floats depends on its density|a ship of steel floats because its shape encloses much air|why does a small stone sink while a large ship floats
mass and weight are the same|mass is the amount of matter and weight is the force of gravity on it|a stone weighs less on the Moon although its mass is unchanged|what would a scale show on the Moon
heat and temperature are the same thing|temperature measures average motion while heat is energy that is transferred|a bath holds more thermal energy than a hot cup of tea|which one could melt more ice, the bath or the cup
acids are always dangerous|many acids are weak and harmless|lemon juice and vinegar are acids that we eat|what decides whether an acid is dangerous
vaccines give people the disease they protect from|a vaccine trains the immune system without causing the full disease|it shows the body harmless parts of a germ|how does the body recognize the germ later
people catch a cold from cold air|colds are caught from viruses|people stay indoors in winter and pass viruses on more easily|what else changes in winter besides the temperature
hair grows back thicker after shaving|shaving does not change how thick hair is|the blunt end of a cut hair only feels rougher|which part of the hair is alive
dogs see only black and white|dogs see some colors, mainly blue and yellow|they have two types of color receptors where people usually have three|how could one test which colors a dog can tell apart
bulls are angered by the color red|bulls react to the movement of the cloth|they can hardly distinguish red from other dark colors|what would happen with a blue cloth
the tongue has separate regions for each taste|all parts of the tongue can sense all tastes|the old map came from a misread study|how would you test this with salt at home
dinosaurs and early humans lived at the same time|humans appeared more than sixty million years after the large dinosaurs died out|the layers of rock show a long gap between them|which evidence lets us date a fossil
oil comes from dead dinosaurs|oil formed mainly from tiny sea organisms|they sank to the sea floor and were buried for millions of years|where would one look for oil if this is so
the ozone hole is the main cause of global warming|global warming is caused mainly by greenhouse gases such as carbon dioxide|the ozone layer mainly blocks ultraviolet light|which gases keep heat near the ground
trees produce oxygen only at night|trees release oxygen when they have light|photosynthesis needs light, and at night plants only use oxygen|what does a leaf need in order to make sugar
earthworms become two worms when they are cut in half|a worm that is cut in half does not become two worms|at best the part with the head survives|which organs lie near the head
snakes are slimy|the skin of a snake is dry|it is covered with smooth scales|which animals do have moist skin
penguins live at the North Pole|wild penguins live almost only south of the equator|polar bears live in the Arctic and never meet them|what keeps the two apart
the Earth is exactly round|the Earth is slightly flattened at the poles|its rotation makes the equator bulge|which distance is longer, through the poles or through the equator
stars twinkle because their light goes on and off|stars twinkle because moving air bends their light|seen from space they shine steadily|why do planets twinkle less than stars
"""
