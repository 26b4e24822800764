//! Physics of the twin, as plant.yaml states them.
