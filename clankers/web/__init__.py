"""`clankers web`: pages over the database, for a browser. May import queries, render, checks, http and below.

A page is a file in `pages`, a template in `clankers/assets/web/templates` and a row in `pages.PAGES`.
"""
