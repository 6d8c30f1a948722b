#include "bridge/cli/arguments.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "bridge/config/nearest.h"

namespace bridge {
namespace {

constexpr Flag kHelp{"help", nullptr, "show this text"};

const Flag* Find(std::span<const Flag> flags, absl::string_view name) {
  for (const Flag& flag : flags) {
    if (name == flag.name) return &flag;
  }
  return name == kHelp.name ? &kHelp : nullptr;
}

absl::Status Unknown(std::span<const Flag> flags, absl::string_view name) {
  std::vector<std::string> known{kHelp.name};
  for (const Flag& flag : flags) known.emplace_back(flag.name);
  const auto nearest = Nearest(name, known);
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown flag --", name, "; ",
      nearest ? absl::StrCat("did you mean --", *nearest, "?") : "see --help"));
}

}  // namespace

absl::StatusOr<Arguments> Arguments::Parse(std::span<const std::string> words,
                                           std::span<const Flag> flags) {
  Arguments out;
  for (size_t i = 0; i < words.size(); ++i) {
    absl::string_view word = words[i];
    if (word == "-h") word = "--help";
    if (word == "--") {
      out.words_.insert(out.words_.end(), words.begin() + static_cast<ptrdiff_t>(i) + 1,
                        words.end());
      break;
    }
    if (!absl::StartsWith(word, "-") || word == "-") {
      out.words_.emplace_back(word);
      continue;
    }
    if (!absl::ConsumePrefix(&word, "--")) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown flag ", word, "; flags begin with two dashes"));
    }
    const size_t equals = word.find('=');
    const std::string name(word.substr(0, equals));
    const Flag* flag = Find(flags, name);
    if (!flag) return Unknown(flags, name);
    std::string value;
    if (equals != absl::string_view::npos) {
      if (!flag->value) {
        return absl::InvalidArgumentError(absl::StrCat("--", name, " takes no value"));
      }
      value = std::string(word.substr(equals + 1));
    } else if (flag->value) {
      if (i + 1 == words.size() || absl::StartsWith(words[i + 1], "--")) {
        return absl::InvalidArgumentError(
            absl::StrCat("--", name, " needs a value: --", name, "=", flag->value));
      }
      value = words[++i];
    }
    std::vector<std::string>& values = out.values_[name];
    if (!values.empty() && flag->value && !flag->repeats) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, " is given twice; once is right"));
    }
    values.push_back(std::move(value));
  }
  return out;
}

bool Arguments::Has(absl::string_view name) const {
  return values_.count(std::string(name)) > 0;
}

std::optional<std::string> Arguments::Get(absl::string_view name) const {
  const auto found = values_.find(std::string(name));
  if (found == values_.end()) return {};
  return found->second.back();
}

std::vector<std::string> Arguments::All(absl::string_view name) const {
  const auto found = values_.find(std::string(name));
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

std::string FlagHelp(std::span<const Flag> flags) {
  std::string text;
  const auto add = [&text](const Flag& flag) {
    const std::string shown = absl::StrCat("--", flag.name, flag.value ? "=" : "",
                                           flag.value ? flag.value : "");
    absl::StrAppendFormat(&text, "  %-26s %s\n", shown, flag.help);
  };
  for (const Flag& flag : flags) add(flag);
  add(kHelp);
  return text;
}

std::vector<std::string> ToWords(int argc, char** argv) {
  return argc < 1 ? std::vector<std::string>{}
                  : std::vector<std::string>(argv + 1, argv + argc);
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  constexpr size_t kLargest = size_t{1} << 20;
  const auto failed = [&path](int error) {
    return absl::NotFoundError(
        absl::StrCat(path, ": cannot be read: ", std::strerror(error)));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen(path.c_str(), "re"), std::fclose);
  if (!file) return failed(errno);
  std::string text(kLargest + 1, '\0');
  const size_t size = std::fread(text.data(), 1, text.size(), file.get());
  if (std::ferror(file.get())) return failed(errno);
  if (size > kLargest)
    return absl::InvalidArgumentError(absl::StrCat(path, ": is over 1 MiB"));
  text.resize(size);
  return text;
}

}  // namespace bridge
