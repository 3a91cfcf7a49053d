"""The areas of the main screen: lists, the overview, the activity."""
