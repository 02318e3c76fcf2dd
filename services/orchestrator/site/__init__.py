"""The browser's side: the built front end, served beside the API it talks to."""
