# `just check` is exactly what CI runs.

# Everything: format, lints, docs, dependencies, all tests.
check:
    ./check

# One part of it, e.g. `just only clippy`.
only part:
    ./check {{part}}

# A simulated market from nothing.
demo *args:
    cargo run --release -- demo {{args}}

# Accept changed snapshots after looking at them.
snapshots:
    INSTA_UPDATE=always cargo test --workspace
