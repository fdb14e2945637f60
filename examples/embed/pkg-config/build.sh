#!/bin/sh
# The installed library, and nothing but a compiler and pkg-config.
set -e
${CXX:-c++} -std=c++20 -O2 ../main.cc $(pkg-config --cflags --libs gossamer) -o main
