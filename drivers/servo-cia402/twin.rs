//! Twin of a servo drive.
