"""What keys do, on whichever screen they are pressed: a wish, a form, a question, a job."""
