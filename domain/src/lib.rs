//! Money, events, deciders and posting rules of a marketplace. Pure: no I/O, clock or random..
