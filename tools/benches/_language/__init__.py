"""The rooms behind `course.py bench language`: shapes, files for each engine, the engines, and the process of each."""
