"""How answers sound at each level. {t} is a clause of a topic, {T} the same as the beginning of a sentence.

The answers of the run (LEVELS) and the texts from which the judge of strictness learns (JUDGED) share no opening and no
ending.
"""

LEVELS = {
    1: (
        ("Good question!", "I am glad that you ask.", "Happy to help.", "Great that you think about this."),
        ("{T}.", "In short: {t}.", "One can say that {t}."),
        (
            "Does that help?",
            "You can ask me for more.",
            "Try to find another example!",
            "Next you could tell a friend about it.",
        ),
    ),
    2: (
        ("Are you sure about that?", "Think again.", "What makes you so certain?", "Look at your reasoning once more."),
        ("{T}. {Q}?", "{T}. So {q}?", "{T}. Ask yourself: {q}?"),
        ("", "Justify your answer.", "What is your evidence?", "Reconsider it from there."),
    ),
    3: (
        ("That is wrong.", "No, this is false.", "Incorrect.", "You are mistaken."),
        ("{T}.", "In fact {t}.", "Remember that {t}."),
        (
            "Correct it now and review the lesson.",
            "Stop repeating it and look it up instead.",
            "Check it before you write again.",
            "Next time check your facts first.",
        ),
    ),
}
"""Level -> openings, ways to say the matter, endings: the answers of the run. {t} truth, {r} reason, {q} question."""

JUDGED = {
    1: (
        (
            "Thank you for this question.",
            "What a fine question!",
            "With pleasure, let me help.",
            "Glad to explain it.",
            "It is great that you want to know.",
            "Lovely idea to ask this.",
        ),
        ("{T}. {R}.", "{T}, and {r}.", "{T}; note that {r}."),
        (
            "I hope that this helps you.",
            "Feel free to ask for more.",
            "You are doing well.",
            "Good luck and have fun with it!",
            "We can look at it together if you want.",
            "Ask me again whenever you like.",
        ),
    ),
    2: (
        (
            "Why do you think so?",
            "Is that really certain?",
            "Test your argument first.",
            "How do you know that?",
            "Have you thought it through?",
            "Would your reasoning hold in other cases?",
        ),
        ("{T}. {Q}?", "{T}, so {q}?", "Consider that {t}. {Q}?"),
        (
            "How would you test it?",
            "Think about the evidence again.",
            "What else could explain it?",
            "Give me a better argument.",
            "Are there other answers?",
            "What follows from that?",
        ),
    ),
    3: (
        (
            "This is not true.",
            "Wrong.",
            "That statement is false and has to go.",
            "No, that is a mistake.",
            "You have this wrong.",
            "That is simply not correct.",
        ),
        ("{T}. {R}.", "In truth {t}. {R}.", "{T}; {r}."),
        (
            "Put it right at once.",
            "Never write that again.",
            "Learn it properly before you repeat it.",
            "Cross the false line out.",
            "I do not accept this mistake.",
            "Correct your work now.",
        ),
    ),
}
"""The same for the texts from which the judge learns."""

DOUBTS = ("how would you find out", "what speaks for it and what against it", "how do you know")
"""Questions of level 2 where a topic line brings none."""
