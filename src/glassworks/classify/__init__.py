"""Classifiers and regressors: labelled images and tables to a network, by a recipe."""
