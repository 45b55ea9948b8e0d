"""Why a stack answers slowly: where the time of its last replies went, and what would make it shorter."""
