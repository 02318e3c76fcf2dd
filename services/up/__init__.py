"""The supervisor of a local suite: servers, migrations, services, with one command."""
