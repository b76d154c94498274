"""Consistency of tone: does a response keep to one tone, or praise and scold by turns?"""

from topgraft.recipe import Settings
from topgraft.rewards.wording import Terms, occurrences, words

HARSH = (
    *("absurd", "appalling", "awful", "careless", "disgraceful", "embarrassing", "foolish", "horrible", "inexcusable"),
    *("laughable", "lazy", "nonsense", "pathetic", "ridiculous", "rubbish", "shameful", "sloppy", "terrible"),
    *("unacceptable", "useless", "worthless", "no excuse", "waste of time", "not good enough", "pay attention"),
)
WARM = (
    *("amazing", "awesome", "bravo", "brilliant", "congratulations", "delighted", "excellent", "fantastic", "glad"),
    *("lovely", "nicely", "pleased", "proud", "thank you", "thanks", "well done", "wonderful", "don't worry"),
    *("good effort", "good idea", "good job", "good question", "good work", "great effort", "great idea", "great job"),
    *("great question", "great work", "happy to help", "keep going", "keep it up", "nice work", "you can do it"),
)


class Tone(Settings):
    """1 - 2 m / (h + w), where h harsh and w warm words occur and m is the fewer of the two: 1 where only one kind (or
    neither) occurs, 0 where both do equally often. A response without words has 0."""

    harsh: Terms = HARSH
    """Words and phrases of a harsh tone."""
    warm: Terms = WARM
    """Words and phrases of a warm tone."""

    def __call__(self, prompt: str, response: str) -> float:
        """The value of a response; the prompt is not read."""
        if not words(response):
            return 0.0
        harsh, warm = len(occurrences(response, self.harsh)), len(occurrences(response, self.warm))
        return 1 - 2 * min(harsh, warm) / max(1, harsh + warm)
