"""The helpers of the workbook; each package says what it is for.

Reading order: data, models, training, plots, augmentation, recipes, results, alexnet, efficientnet, finetuning.
"""
