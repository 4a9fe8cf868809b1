"""Step Functions: `StepFunctionsFlow` and what its arguments are made of."""
