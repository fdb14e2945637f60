// What a function returns refers to its object: compilers that know the attribute (clang) warn where a pointer, a span
// or a reference outlives the temporary that it was taken from.
#pragma once

#ifdef __has_cpp_attribute
#if __has_cpp_attribute(clang::lifetimebound)
#define GOSSAMER_LIFETIMEBOUND [[clang::lifetimebound]]
#endif
#endif
#ifndef GOSSAMER_LIFETIMEBOUND
#define GOSSAMER_LIFETIMEBOUND
#endif
