"""The shape of a rule file: exactly what an author may write, and nothing else. Manual: docs/rules.md."""
