#include "bridge/os/errno_status.h"

#include <system_error>

#include "absl/strings/str_cat.h"

namespace bridge::os {

absl::Status ErrnoStatus(int error, absl::string_view what, absl::string_view advice) {
  std::string text = absl::StrCat(what, ": ", std::generic_category().message(error));
  if (!advice.empty()) absl::StrAppend(&text, " (", advice, ")");
  return absl::Status(absl::ErrnoToStatusCode(error), text);
}

}  // namespace bridge::os
