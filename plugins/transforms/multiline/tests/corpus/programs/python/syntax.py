# corpus: run broken.py
