// tests/support/allocations.h
//
// Counts every operator new of the program that links allocations.cc, so that a
// test or a benchmark can say that there were none.
#pragma once

#include <cstdint>

namespace bridge::testing_support {

uint64_t Allocations();

}  // namespace bridge::testing_support
