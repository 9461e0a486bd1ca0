"""The privacy desk: proofs of erasure, requests of people, and how long to keep whom."""
