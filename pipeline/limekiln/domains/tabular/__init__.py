"""Tables: columns as features, intervals and categories as their values, and the shared pool."""
