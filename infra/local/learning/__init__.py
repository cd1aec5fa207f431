"""Training and evaluating scores, offline: scikit-learn learns, a small scorecard is what goes to Lambda."""
