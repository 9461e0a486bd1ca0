"""What belongs to no single app: the spec, races, tenancy, start-up."""
