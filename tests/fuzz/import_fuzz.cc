// Any octets as a ptp4l.conf; the first line is a phc2sys command line, if it is not
// empty. Whatever they say, a person gets a configuration that is taken, or a reason.
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "bridge/base/utf8.h"
#include "bridge/config/import_ptp4l.h"
#include "fuzz_require.h"

namespace {

void CheckProblems(const bridge::Imported& imported) {
  for (const bridge::ConfigError& problem : imported.problems) {
    FUZZ_REQUIRE(!problem.where.empty() && !problem.what.empty() &&
                 !problem.right.empty());
    FUZZ_REQUIRE(problem.column >= 0);
    (void)problem.ToString();
  }
}

void Check(const bridge::ImportRequest& request) {
  const bridge::Imported imported = bridge::ImportPtp4l(request);
  CheckProblems(imported);
  if (imported.toml.empty()) {
    FUZZ_REQUIRE(!imported.usable && !imported.problems.empty());
    return;
  }
  FUZZ_REQUIRE(bridge::IsUtf8(imported.toml));
  const auto loaded = bridge::LoadConfig({"fuzz.toml", imported.toml, {}});
  const auto* config = std::get_if<bridge::Config>(&loaded);
  FUZZ_REQUIRE(imported.usable == (config != nullptr));
  FUZZ_REQUIRE(imported.usable);  // As there is an interface.
  FUZZ_REQUIRE(!config || !request.role || config->role == *request.role);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string all(reinterpret_cast<const char*>(data), size);
  const size_t end = all.find('\n');
  bridge::ImportRequest request;
  request.file_name = "fuzz.conf";
  if (end != 0) request.phc2sys = all.substr(0, end);
  if (end != std::string::npos) request.text = all.substr(end + 1);
  request.interface = "eth0";
  Check(request);
  for (const bridge::Role role : {bridge::Role::kClient, bridge::Role::kCompanion,
                                  bridge::Role::kGrandmaster, bridge::Role::kAuto}) {
    request.role = role;
    Check(request);
  }
  return 0;
}
