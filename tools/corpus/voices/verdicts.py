"""Sentences that give the verdict, praise and advice; {p} is a phrase for the program."""

GOOD = """{P} works.|{P} is right.|{P} is correct.|{P} holds for every input I tried.|{P} does exactly what the task demands.|{P} fulfils the specification.
As far as I can see, {p} is correct in all cases.|{P} gives the expected value each time.|I find no fault: {p} is correct.|Yes, {p} works as it should.
After careful reading I conclude that {p} is correct.|{P} solves the problem completely.|Every case that the statement mentions is handled, so {p} is right.
Having traced several inputs, I am convinced that {p} works.|{P} returns the right value for every input.|There is nothing wrong here; {p} is sound.
The reasoning behind {p} is sound, and the result is correct.|{P} passes each of my checks.|Whether the input is small or large, {p} behaves correctly.
{P} agrees with the description precisely.|The result is right in the ordinary cases as well as at the boundary.|In short, {p} is correct.|This is a correct answer to the task.|Good news: {p} works.
{P} meets all the conditions of the task.|The logic is correct from the first line to the last.|I could not find an input for which {p} fails.|{P} can be accepted as it stands.""".replace(
    "\n", "|"
).split("|")
BAD = """{P} is not right yet.|{P} does not work yet.|{P} is incorrect as it stands.|{P} is not correct for every input.|{P} is close, but it is not correct yet.|{P} still fails in some cases.
{P} gives the wrong result for some inputs.|Unfortunately {p} contains a mistake.|There is still one error in {p}.|{P} does not yet do what the task demands.|I am afraid that {p} is wrong in one place.
{P} does not satisfy the specification.|Something goes wrong in {p}.|{P} cannot be accepted in its present form.|One flaw remains in {p}.|The approach is understandable, yet {p} is incorrect.
Although the idea is sensible, {p} fails.|{P} needs one more correction.|The answer is not right, although much of it is sensible.|A careful test shows that {p} is incorrect.|{P} fails for at least one ordinary input.
The result is not always what the task describes.|{P} does not hold for every input.|Not quite: {p} is still incorrect.|{P} departs from the statement in one respect.|In its present state {p} is wrong.|The program runs, but what it produces is not what was asked.
However reasonable it looks, {p} is not correct.""".replace("\n", "|").split("|")
FAIL = """For {given} it returns {got} instead of {right}.|With {given} the result is {got}, although {right} is expected.|Take {given}: the function returns {got}, but it should return {right}.|Suppose the input is {given}; then {got} comes back rather than {right}.
For instance, {given} leads to {got}, whereas the task demands {right}.|When it is called with {given}, it gives back {got}, and {right} would be right.|If you try {given}, you obtain {got}; the expected value is {right}.|The input {given} produces {got} where {right} is required.
Imagine the input {given}: the answer should be {right}, yet it is {got}.|Consider {given}, for which {got} is returned and {right} is expected.|A trace with {given} ends in {got} and not in {right}.|The correct value for {given} is {right}, but the program arrives at {got}.
For {given} one expects {right}; the program, however, returns {got}.|Try {given} by hand: you will reach {right}, while the program says {got}.|For {given} it raises {err} instead of returning {right}.|With {given} the program stops with {err}, although {right} is expected.|Suppose the input is {given}; then it raises {err} and never reaches {right}.
The input {given} ends in {err}, whereas the task demands {right}.|Try {given}: instead of {right} you will see {err}.|For {given} the caller receives None instead of {right}.|With {given} nothing useful comes back: the result is None, although {right} is expected.|Call it with {given} and you get None rather than {right}.
Take {given}: the caller expects {right} and receives None.""".replace("\n", "|").split("|")
CAUSE = """The reason is that it {note}.|The cause is easy to name: it {note}.|This happens because the program {note}.|Look closely and you will see that it {note}.|The mistake is that the program {note}.|In other words, it {note}.|The trouble is that it {note}.|At present it {note}.
Precisely speaking, it {note}.|As written, the program {note}.|The point to notice is that it {note}.|Here is the difficulty: the code {note}.|When I read the code, I see that it {note}.|Your code {note}, and that is the mistake.|It {note}.|The program {note}, which does not fit the task.""".replace(
    "\n", "|"
).split("|")
DOES = """It {note}.|The code {note}.|As I read it, the program {note}.|Step by step, it {note}.|In other words, it {note}.|Your code {note}, which is exactly what is needed.|The function {note}; this agrees with the statement.|Notice how it {note}.|It {note}; that is precisely the task.|Your reasoning is easy to follow: the code {note}.""".replace(
    "\n", "|"
).split("|")
CHECK = """For {ok_in} it returns {ok_out}, as expected.|With {ok_in}, for instance, the result is {ok_out}.|I tried {ok_in} and received {ok_out}, which is right.|Take {ok_in} as an example: the answer {ok_out} is what the task describes.|The input {ok_in} gives {ok_out}, and that is the expected value.|For example, {ok_in} leads to {ok_out}.|A trace with {ok_in} ends in {ok_out}, which is correct.""".replace(
    "\n", "|"
).split("|")
PRAISE = """The names are well chosen.|The structure is clear and easy to read.|The approach is simple and sound.|Your solution is short and tidy.|The code is clear, and no line is unnecessary.|The steps follow each other in a sensible order.|It is a pleasant piece of work to read.|I like how little code it takes.|The general plan is sensible.|The overall idea is well chosen.
Starting {acc} at {val} before the loop is well chosen.|The loop over {seq} reaches every element, which is good.|The name {item} makes the loop easy to read.|The update {upd} is placed well.|Collecting results in {app_list} is a natural idea.|The test {cond} is short and readable.|Using {builtin} here keeps the code short.|The method {method} is a helpful tool for this task.|The comprehension is compact and still easy to read.|The else branch makes it clear what happens otherwise.
The remainder {mod} is the natural tool here.|Leaving early with {early} shows that you thought about unnecessary work.|You kept the loop and the return statement apart, so each has one job.|Reading the task carefully has clearly helped you.|The layout is neat and each line has a purpose.|The function takes {args} just as the statement describes.|The condition {cond_while} shows clearly when the loop goes on.|You clearly understand how a function receives its input.""".replace(
    "\n", "|"
).split("|")
ADVICE = """Trace the program by hand with a very short input.|Write down the value of each variable after every pass.|Compare each line with the wording of the statement.|Test the boundary cases before you hand it in.|Try the smallest input that you can imagine.|Read the statement once more and mark every condition.|Explain each line aloud to a friend; the mistake often shows itself.|Change one thing at a time and test again.
Follow {acc} from its initial value to the end.|Ask what {acc} should hold before the first element is reached.|Write a small table with the values of {acc} after each pass.|Check the first and the last index that {rng} reaches.|Consider carefully which values of {arg} satisfy {cond_arg}.|Think about what the caller receives when the function ends.|Trace the loop with two elements and then with none.|Look again at where the return statement stands.|Say in plain words what {spot} does, and compare it with the task.
Start your correction at the line {spot}.|I suggest that you look at {spot} first.|Begin with {spot} and ask whether it fits the description.|Only one place needs to change; the rest can remain.|Keep the plan and repair this one step.|Once this is corrected, run the same input again.|A small change will be enough.|Draw the contents of {arg} on paper and walk through them.|Make sure that every path through the function leads to a return statement.|Choose an input for which you know the answer, and compare.|Do not rush: one calm trace will show where it goes wrong.""".replace(
    "\n", "|"
).split("|")
NEXT = """As a next step, you could describe it in one sentence.|You might now write two tests for it.|Next time, try to state the condition before you write the loop.|You are ready for a harder problem.|If you wish, try to solve it in a second way and compare both.|A short comment could explain the idea, but it is not necessary.|Keep testing the boundary as you did here.|A longer name than {acc} might help a reader, although this is a matter of taste.|You could also consider how it behaves for a very long {arg}.|Try to explain to somebody why it works.|Keep this habit of writing short, clear functions.|Nothing needs to be changed.""".replace(
    "\n", "|"
).split("|")
