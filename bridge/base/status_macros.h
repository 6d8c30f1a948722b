// bridge/base/status_macros.h
//
// Return early on an error. Debian 12's Abseil has no macros of its own.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define RETURN_IF_ERROR(expression)                           \
  do {                                                        \
    if (absl::Status status_ = (expression); !status_.ok()) { \
      return status_;                                         \
    }                                                         \
  } while (false)

#define BRIDGE_CONCAT_INNER(a, b) a##b
#define BRIDGE_CONCAT(a, b) BRIDGE_CONCAT_INNER(a, b)

#define ASSIGN_OR_RETURN(declaration, expression) \
  BRIDGE_ASSIGN_OR_RETURN(BRIDGE_CONCAT(status_or_, __LINE__), declaration, expression)

#define BRIDGE_ASSIGN_OR_RETURN(temporary, declaration, expression) \
  auto temporary = (expression);                                    \
  if (!temporary.ok()) return temporary.status();                   \
  declaration = *std::move(temporary)
