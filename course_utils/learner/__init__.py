"""What a learner has done: `progress` keeps how checks ended, `predictions` what was predicted."""
