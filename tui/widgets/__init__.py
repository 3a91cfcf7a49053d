"""The dashboard's own widgets. They draw what they are given and post messages; they know no engine and no server."""
