"""The order of sentences in each voice, first for right and then for wrong programs, and the instructions that ask for it."""

ORDERS: dict[str, tuple[list[str], list[str]]] = {
    "mentor": (
        [
            "praise good does ask",
            "good point praise ask",
            "good check praise next",
            "point good check ask",
            "praise does good next",
            "does good praise",
        ],
        [
            "praise bad spot fail ask",
            "praise point bad cause fail",
            "bad fail cause advice",
            "praise bad fail spot ask",
            "bad spot advice ask",
            "praise cause fail askbad",
        ],
    ),
    "reviewer": (
        ["good does point", "does good check", "point does good next", "good check point praise", "good does praise"],
        [
            "bad cause fail advice",
            "cause fail bad",
            "bad spot cause fail",
            "praise bad cause fail",
            "spot cause fail bad",
            "fail cause advice",
        ],
    ),
    "examiner": (
        ["good does check", "does check good", "good point praise", "point does good", "good praise check"],
        ["bad cause fail", "bad fail cause", "point bad cause fail", "praise bad fail spot", "fail bad cause"],
    ),
    "friend": (
        ["hi good praise ask", "hi good check next", "hi does good", "hi praise good point ask"],
        ["hi bad fail spot", "hi praise bad cause fail", "hi bad spot fail ask", "hi praise fail askbad"],
    ),
    "hint": (
        ["hintgood point ask", "hintgood check ask", "point hintgood ask"],
        ["hint spot hintbad", "hint hintbad ask", "spot hintbad ask", "hint point hintbad", "hint spot hintbad ask"],
    ),
    "questioner": (
        ["point check lead ask", "lead point ask", "check point ask", "good point lead ask"],
        ["spot lead askbad", "point fail lead askbad", "fail spot lead askbad", "spot hintbad ask", "lead fail ask"],
    ),
    "formal": (
        ["dear good does praise", "dear does good check", "dear point good next", "dear praise good ask"],
        [
            "dear bad cause fail",
            "dear praise bad fail",
            "dear bad fail advice",
            "dear spot bad fail ask",
            "dear praise cause fail",
        ],
    ),
    "teacher": (
        ["good does ask", "point good check", "does good point ask", "good praise ask", "good check point ask"],
        [
            "bad cause fail ask",
            "bad fail spot ask",
            "point bad cause fail",
            "cause fail advice",
            "bad cause askbad",
            "fail cause bad ask",
        ],
    ),
}
ASKED: dict[str, list[str]] = {
    "mentor": [
        "Comment on this program as a mentor would.",
        "You are a patient mentor. What do you say about this program?",
        "Give the student feedback as a mentor.",
        "Mentor the student on this program.",
    ],
    "reviewer": [
        "Reply as a code reviewer.",
        "Review this program.",
        "Write a short code review.",
        "You review code. Comment on this program.",
    ],
    "examiner": [
        "As an examiner, assess the work.",
        "Assess this program as an examiner.",
        "Write the examiner's comment.",
        "Judge the submission in a few sentences.",
    ],
    "friend": [
        "Say kindly whether it works.",
        "Comment as a friendly fellow student.",
        "Tell a friend what you think of this program.",
        "Reply in a warm and friendly tone.",
    ],
    "hint": [
        "Give a hint without the answer.",
        "Offer a clue, but do not reveal the solution.",
        "Give the student one hint.",
        "Help with a hint only.",
    ],
    "questioner": [
        "Ask the student one question about this program.",
        "End with a question that makes the student think.",
        "Guide the student with a question.",
        "Respond with a question about the code.",
    ],
    "formal": [
        "Write to the student in formal English.",
        "Write a short formal letter to the student.",
        "Answer the student formally.",
        "Compose a polite, formal reply.",
    ],
    "teacher": [
        "Explain to the student, politely, what you see.",
        "Comment on this program as a teacher.",
        "Tell the student what is right or wrong.",
        "Explain whether the program works.",
        "Give feedback on this program.",
    ],
}
ASK_SHAPES = [
    "{a}",
    "{a}",
    "{a}",
    "{a} Keep it short.",
    "{a} Use a few sentences.",
    "Please do this: {a}",
    "{a} Refer to the code.",
]
