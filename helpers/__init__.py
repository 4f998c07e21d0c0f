"""The helpers of the workbook: file -> tensor -> batch -> model -> history -> figure -> report.

Read them in this order: files, mini_scenes, download, data, models, training, recipes, plots, checks, widgets.
"""
