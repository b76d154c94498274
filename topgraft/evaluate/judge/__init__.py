"""Pairwise judging by a language model behind an endpoint: every pair in both orders, a win only where both agree.

rubric.py      what the judge is asked, and how its verdict is read
pairs.py       which answers are set against each other
endpoint.py    one request to an OpenAI-compatible endpoint, and what may come of it
pace.py        requests per minute, waits that everyone keeps
budget.py      what may be spent, reserved before it is spent
kept.py        every reply on disk, so that none is paid twice
asking.py      all questions by several workers, with retries
lengths.py     the length-controlled win rate
results.py     verdicts of pairs, win rates, reliability, cost
agreement.py   judges with one another and with people
"""
