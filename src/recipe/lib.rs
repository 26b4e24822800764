//! Text to Plan, or every diagnostic at once.
