"""What the embedded fleet is filled with: accounts, requests, tenants, shoots, and what nobody tidied up."""
