"""The thin web front: registrar, ballot box and public pages as Flask apps, and the browser's client.

Every decision is taken in the packages below; a view parses, calls one service, and answers.
"""
