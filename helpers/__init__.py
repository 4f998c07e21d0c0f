"""The helpers of the workbook: file -> tensor -> batch -> model -> history -> figure -> report.

Read them in this order: files, mini_scenes, download, sources, data, models, augmentation,
training, small_weights, alexnet, recipes, plots, widgets, checks.
"""
