#include "bridge/config/phc2sys_line.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "bridge/config/nearest.h"
#include "bridge/config/ptp4l_conf.h"
#include "bridge/config/ptp4l_options.h"

namespace bridge {
namespace {

constexpr double kMost = std::numeric_limits<double>::max();
constexpr double kMostInt = std::numeric_limits<int>::max();

constexpr char kServo[] = "servo: refclockd steers no system clock";
constexpr char kLog[] = "logging: refclockd has its own";

struct Row {
  char letter;
  char kind;         // '-' no value, 't' text, 'i' whole number, 'd' number.
  double low, high;  // Of numbers.
  const char* word;  // Its long name, or "".
  const char* why;
};
// phc2sys(8), linuxptp 2.0 to 4.4.
constexpr Row kRows[] = {
    {'a', '-', 0, 0, "", nullptr},
    {'r', '-', 0, 0, "", nullptr},
    {'s', 't', 0, 0, "", nullptr},
    {'i', 't', 0, 0, "", nullptr},  // As -s, deprecated.
    {'c', 't', 0, 0, "", nullptr},
    {'d', 't', 0, 0, "", nullptr},
    {'E', 't', 0, 0, "clock_servo", nullptr},
    {'M', 'i', -kMostInt, kMostInt, "ntpshm_segment", nullptr},
    {'R', 'd', 1e-9, kMost, "", nullptr},
    {'O', 'i', -kMostInt, kMostInt, "", nullptr},
    {'n', 'i', 0, 255, "domainNumber", nullptr},
    {'z', 't', 0, 0, "uds_address", nullptr},
    {kPhc2sysSock, 't', 0, 0, "refclock_sock_address", nullptr},
    {'f', 't', 0, 0, "", nullptr},
    {'w', '-', 0, 0, "", "refclockd waits by itself"},
    {'N', 'i', 1, kMostInt, "", "no counterpart: refclockd reads as the clock needs"},
    {'P', 'd', 0, kMost, "pi_proportional_const", kServo},
    {'I', 'd', 0, kMost, "pi_integral_const", kServo},
    {'S', 'd', 0, kMost, "step_threshold", kServo},
    {'F', 'd', 0, kMost, "first_step_threshold", kServo},
    {'L', 'i', 0, kMostInt, "sanity_freq_limit", kServo},
    {'x', '-', 0, 0, "", kServo},
    {'u', 'i', 0, kMostInt, "", kLog},
    {'l', 'i', 0, 7, "logging_level", kLog},
    {'t', 't', 0, 0, "message_tag", kLog},
    {'m', '-', 0, 0, "", kLog},
    {'q', '-', 0, 0, "", kLog},
    {'h', '-', 0, 0, "", "only prints a text"},
    {'v', '-', 0, 0, "", "only prints a text"},
};

const Row* FindRow(char letter) {
  const auto* found =
      std::find_if(std::begin(kRows), std::end(kRows),
                   [=](const Row& row) { return row.letter == letter; });
  return found == std::end(kRows) || letter == kPhc2sysSock ? nullptr : found;
}

// Words as a shell makes them, without its variables.
std::vector<std::string> Split(absl::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (!quote && absl::ascii_isspace(static_cast<unsigned char>(c))) {
      in_word = false;
      continue;
    }
    if (!std::exchange(in_word, true)) words.emplace_back();
    if (quote ? c == quote : c == '"' || c == '\'') {
      quote = quote ? 0 : c;
      continue;
    }
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) c = text[++i];
    words.back() += c;
  }
  return words;
}

class Reader {
 public:
  explicit Reader(absl::string_view text) : words_(Split(text)) {}

  Phc2sysLine Read() {
    if (words_.empty()) Problem("it is empty", "phc2sys -s eth0 -E ntpshm -M 2");
    if (!words_.empty() && !absl::StartsWith(words_[0], "-")) ReadProgram();
    for (; at_ < words_.size(); ++at_) {
      const std::string word = words_[at_];
      if (absl::StartsWith(word, "--")) {
        ReadLong(absl::string_view(word).substr(2));
      } else if (word.size() > 1 && word[0] == '-') {
        ReadLetters(word);
      } else {
        Problem(absl::StrCat("\"", Printable(word), "\" is no option"),
                "options begin with a dash: -M 2");
      }
    }
    return std::move(line_);
  }

 private:
  void Problem(std::string what, std::string right) {
    line_.problems.push_back({"--phc2sys", std::move(what), "", 0, std::move(right)});
  }

  // What follows it is its value, maybe.
  void Unknown(const std::string& name) {
    Problem(absl::StrCat("phc2sys knows no option ", name), "leave it away");
    if (at_ + 1 < words_.size() && !absl::StartsWith(words_[at_ + 1], "-")) ++at_;
  }

  void ReadProgram() {
    const std::string& program = words_[at_++];
    if (program != "phc2sys" && !absl::EndsWith(program, "/phc2sys")) {
      Problem(absl::StrCat("\"", Printable(program), "\" is not phc2sys"),
              "the whole command line, as phc2sys -s eth0 -E ntpshm -M 2");
    }
  }

  // "-M 2", "-M2", "-amr".
  void ReadLetters(absl::string_view word) {
    for (size_t i = 1; i < word.size(); ++i) {
      const Row* row = FindRow(word[i]);
      if (!row) {
        return Unknown(absl::StrCat("-", Printable(word.substr(i, 1))));
      }
      const std::string name = absl::StrCat("-", word.substr(i, 1));
      if (row->kind == '-') {
        line_.options.push_back({row->letter, "", "", name, row->why});
        continue;
      }
      return ReadValue(*row, name, word.substr(i + 1), false);
    }
  }

  // "--ntpshm_segment 2", "--ntpshm_segment=2".
  void ReadLong(absl::string_view word) {
    const size_t equals = word.find('=');
    const absl::string_view name = word.substr(0, equals);
    const absl::string_view value =
        equals == absl::string_view::npos ? "" : word.substr(equals + 1);
    const std::string shown = absl::StrCat("--", Printable(name));
    for (const Row& row : kRows) {
      if (*row.word && name == row.word) {
        return ReadValue(row, shown, value, equals != absl::string_view::npos);
      }
    }
    const Ptp4lOption* option = FindPtp4lOption(name);
    if (!option) {
      return Unknown(shown);
    }
    const Row row{0, 't', 0, 0, option->name, "no counterpart"};
    ReadValue(row, shown, value, equals != absl::string_view::npos);
  }

  // `value`, or the next word if it is empty and not `given`.
  void ReadValue(const Row& row, const std::string& name, absl::string_view value,
                 bool given) {
    std::string text(value);
    if (text.empty() && !given) {
      if (at_ + 1 == words_.size()) {
        return Problem(absl::StrCat(name, " needs a value"), "a value behind it");
      }
      text = words_[++at_];
    }
    const std::string written = absl::StrCat(name, " ", Printable(text));
    if (row.kind != 't') {
      const Ptp4lOption number{
          "",
          row.kind == 'd' ? Ptp4lOption::Kind::kReal : Ptp4lOption::Kind::kWhole,
          row.low,
          row.high,
          "",
          "",
          0,
          nullptr};
      const std::string refusal = Ptp4lRefusal(number, text);
      if (!refusal.empty()) {
        return Problem(absl::StrCat(written, ": not what phc2sys takes"), refusal);
      }
    }
    line_.options.push_back(
        {row.letter, row.letter ? "" : row.word, text, written, row.why});
  }

  std::vector<std::string> words_;
  size_t at_ = 0;
  Phc2sysLine line_;
};

}  // namespace

const Phc2sysOption* Phc2sysLine::Find(char letter) const {
  const Phc2sysOption* found = nullptr;
  for (const Phc2sysOption& option : options) {
    if (option.letter == letter) found = &option;
  }
  return found;
}

int Phc2sysLine::Count(char letter) const {
  return static_cast<int>(std::count_if(
      options.begin(), options.end(),
      [=](const Phc2sysOption& option) { return option.letter == letter; }));
}

Phc2sysLine ParsePhc2sysLine(absl::string_view text) { return Reader(text).Read(); }

}  // namespace bridge
