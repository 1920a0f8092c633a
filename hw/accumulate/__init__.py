"""From block sums to floating point: conversion, accumulation, bias and ReLU, bfloat16."""
