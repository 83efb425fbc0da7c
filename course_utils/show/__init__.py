"""What a learner sees: tables and plots."""
