"""ReefCLIP: how far CLIP goes in marine monitoring. Importing the package loads nothing."""
