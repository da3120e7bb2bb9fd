//! What Prometheus makes of the exposition at the admin address.
