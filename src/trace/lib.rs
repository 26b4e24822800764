//! Events, outbox, recorder, DHR store.
