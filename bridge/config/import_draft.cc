#include "bridge/config/import_draft.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/base/utf8.h"

namespace bridge {
namespace {

// The head of the table that a key stands in; "" at the top of the file.
std::string HeadOf(absl::string_view key) {
  const size_t dot = key.find_last_of('.');
  if (dot == absl::string_view::npos) return "";
  const absl::string_view section = key.substr(0, dot);
  return IsListSection(section) ? absl::StrCat("[[", section, "]]")
                                : absl::StrCat("[", section, "]");
}

}  // namespace

ImportDraft::ImportDraft(bool of_port) : of_port_(of_port) {
  scratch_.output.shm.emplace_back();
  scratch_.output.sock.emplace_back();
}

std::optional<OptionProblem> ImportDraft::Put(absl::string_view key,
                                              const OptionValue& value,
                                              std::string origin) {
  const Option& option = *FindOption(key);
  const auto* text = std::get_if<std::string>(&value.is);
  if (text && !IsUtf8(*text)) return OptionProblem{"it is not UTF-8", "UTF-8", {}};
  if (auto problem = option.set(value, scratch_)) return problem;
  entries_[option.key] = {option.get(scratch_), std::move(origin)};
  return std::nullopt;
}

std::string ImportDraft::ToString() const {
  constexpr int kCommentColumn = 34;
  std::string head = of_port_ ? "[[port]]" : "";
  std::string text = of_port_ ? absl::StrCat("\n", head, "\n") : "";
  for (const Option& option : Options()) {
    const auto found = entries_.find(option.key);
    if (found == entries_.end()) continue;
    const std::string key = of_port_ ? PortKey(option).value_or("") : option.key;
    if (std::string own = HeadOf(key); own != head) {
      absl::StrAppend(&text, of_port_ ? "" : "\n", own, "\n");
      head = std::move(own);
    }
    const auto& [value, origin] = found->second;
    const std::string setting =
        absl::StrCat(key.substr(key.find_last_of('.') + 1), " = ", value);
    if (origin.empty()) {
      absl::StrAppend(&text, setting, "\n");
    } else {
      absl::StrAppendFormat(&text, "%-*s# %s\n", kCommentColumn, setting + " ", origin);
    }
  }
  return text;
}

}  // namespace bridge
