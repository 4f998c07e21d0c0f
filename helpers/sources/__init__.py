"""Where images and weights come from: drawn scenes, photographs, downloads, caches."""
