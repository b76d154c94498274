"""Politeness strategies of Danescu-Niculescu-Mizil et al. (2013, arXiv 1306.6078, table 3), found by words, sentence by
sentence.

The paper finds some of them by parsing and its two lexicons have thousands of words; here each is a regular expression
and the lexicons are short lists of our own. Who starts a sentence is told from who is named later in it.
"""

import re

POSITIVE = (
    *("amazing", "awesome", "beautiful", "best", "better", "brilliant", "clean", "clear", "clever", "correct", "easy"),
    *("elegant", "enjoy", "excellent", "fantastic", "fine", "fun", "glad", "good", "grateful", "great", "happy"),
    *("help", "helped", "helpful", "hope", "impressive", "improve", "interesting", "kind", "kindly", "like", "love"),
    *("lovely", "luck", "neat", "nice", "nicely", "perfect", "pleased", "pleasure", "positive", "right", "solid"),
    *("strong", "success", "sweet", "useful", "valuable", "welcome", "well", "wonderful", "worth"),
)
NEGATIVE = (
    *("absurd", "angry", "annoying", "awful", "bad", "blame", "bogus", "boring", "broken", "careless", "confused"),
    *("confusing", "crap", "crazy", "damn", "dead", "dumb", "fail", "failed", "fails", "fault", "foolish", "fuck"),
    *("garbage", "hate", "hell", "horrible", "idiot", "ignorant", "ignore", "inappropriate", "incorrect", "insane"),
    *("insult", "joke", "lazy", "liar", "lie", "lies", "mess", "mistake", "mistaken", "nonsense", "obnoxious"),
    *("offensive", "pathetic", "pointless", "poor", "ridiculous", "rude", "sad", "shit", "silly", "sloppy", "stop"),
    *("stupid", "terrible", "trash", "ugly", "unacceptable", "useless", "vandalism", "waste", "weird", "worse"),
    *("worst", "wrong"),
)
HEDGES = (
    *("almost", "apparently", "appear", "appears", "approximately", "around", "assume", "basically", "believe"),
    *("doubt", "doubtful", "essentially", "fairly", "feel", "generally", "guess", "hopefully", "imagine", "in my view"),
    *("in my opinion", "indicate", "kind of", "largely", "likely", "mainly", "may", "maybe", "might", "mostly"),
    *("perhaps", "plausible", "possible", "possibly", "presumably", "probable", "probably", "quite", "rather", "seem"),
    *("seemed", "seems", "somehow", "somewhat", "sort of", "suggest", "suggests", "suppose", "suspect", "tend"),
    *("tends", "think", "thinking", "typically", "uncertain", "unclear", "unlikely", "usually", "wonder", "wondering"),
)
I_FORMS = r"(?:i|i'm|i've|i'd|i'll|me|my|mine|myself)"
YOU_FORMS = r"(?:you|you're|you've|you'd|you'll|your|yours|yourself)"


def _any(words: tuple[str, ...]) -> str:
    return rf"\b(?:{'|'.join(words)})\b"


STRATEGIES = {
    name: re.compile(pattern)
    for name, pattern in {
        "gratitude": r"\b(?:thank|thanks|thankyou|thx|cheers|grateful|appreciated|i (?:\w+ )?appreciate)\b",
        "deference": r"^(?:great|good|nice|interesting|cool|excellent|awesome|impressive|well done)\b",
        "greeting": r"^(?:hi|hello|hey|dear|greetings|good (?:morning|day|afternoon|evening))\b",
        "apologising": r"\b(?:sorry|oops|whoops|woops|apologi[sz]e|apologies|forgive|pardon|excuse me)\b",
        "please": r"(?<!^)\b(?:please|pls|plz)\b",
        "please start": r"^(?:please|pls|plz)\b",
        "indirect": r"\b(?:by the way|btw)\b",
        "direct question": r"^(?:what|what's|why|who|whose|how|how's|where|when|which)\b",
        "direct start": r"^(?:so|then|and|but|or|well)\b",
        "counterfactual modal": r"\b(?:could|would) you\b",
        "indicative modal": r"\b(?:can|will) you\b",
        "first person start": rf"^{I_FORMS}\b",
        "first person": rf"(?<!^)\b{I_FORMS}\b",
        "first person plural": r"\b(?:we|we're|we've|we'd|we'll|us|our|ours|ourselves|let's)\b",
        "second person start": rf"^{YOU_FORMS}\b",
        "second person": rf"(?<!^)\b{YOU_FORMS}\b",
        "hedges": _any(HEDGES),
        "factuality": r"\b(?:actually|clearly|honestly|in fact|indeed|obviously|of course|really|surely"
        r"|the (?:fact|point|reality|truth))\b",
        "positive words": _any(POSITIVE),
        "negative words": _any(NEGATIVE),
    }.items()
}
"""Strategy -> how it is recognised in one sentence in lower case."""
WORD = re.compile(r"<url>|<person>|\w+(?:'\w+)?|[?!]{2,}|!|\.{2,}|[:;]-?[)(dp](?!\w)")
"""What n-grams are made of: words, and those marks that say something of the tone."""
START = "^"
"""Stands before the first word of a sentence, in n-grams of two or three."""
LONGEST = 3
"""Words in the longest n-gram."""


def sentences(text: str) -> list[str]:
    """The sentences of a text in lower case, links as "<url>" and names as "<person>"; none of a text without words.

    Example: `sentences("Thanks, @ann! See http://a.b?")` -> ["thanks, <person>!", "see <url>"].
    """
    text = re.sub(r"\[([^\]]*)\]\([^)\s]*\)", r"\1 <url>", text.replace("’", "'"))
    text = re.sub(r"(?:https?://|www\.)\S+", "<url>", text)
    text = re.sub(r"(?<!\w)@\w+", "<person>", text).lower()
    parts = re.split(r"(?<=[.!?…])[\"')]*\s+|\n+", text)
    found = (part.strip(" \t\"'*-(") for part in parts)
    return [part for part in found if WORD.search(part)]


def strategies(sentence: str) -> set[str]:
    """Which strategies one sentence of `sentences` uses."""
    return {name for name, pattern in STRATEGIES.items() if pattern.search(sentence)}


def ngrams(sentence: str) -> set[str]:
    """The n-grams of one sentence, of one to three words: `ngrams("why not")` -> "why", "not", "^ why", "why not",
    "^ why not"."""
    words = [START, *WORD.findall(sentence)]
    places = ((start, start + size) for size in range(1, LONGEST + 1) for start in range(len(words) - size + 1))
    return {" ".join(words[start:end]) for start, end in places} - {START}
