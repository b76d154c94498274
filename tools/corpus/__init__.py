"""Generator of the pretraining corpus: code feedback, occupations, tutoring and dialogues."""
