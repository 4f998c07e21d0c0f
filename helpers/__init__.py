"""The helpers of the workbook. Read the lesson in this order: data, models, training, plots,
augmentation, recipes, results, alexnet, finetuning. Each package says what it is for."""
