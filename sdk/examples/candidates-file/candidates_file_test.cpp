#include <unistd.h>
#include <causeway/cpp/test_host.hpp>

using namespace causeway_sdk;

namespace {

const auto& source = TestInstance::table<cw_candidate_source>(CW_EXT_CANDIDATE_SOURCE);

void write_file(const char* path, const char* text) {
  std::FILE* const file = std::fopen(path, "w");
  CAUSEWAY_CHECK(file != nullptr && std::fputs(text, file) >= 0 && std::fclose(file) == 0);
}

}  // namespace

int main() {
  char path[] = "/tmp/candidates-file-XXXXXX";
  CAUSEWAY_CHECK(::close(::mkstemp(path)) == 0);
  ::setenv("CAUSEWAY_FORWARDINGS", path, 1);
  write_file(path, "# by hand\neth0 203.0.113.7:51820\nnonsense\nwlan0 203.0.113.8:1\n");

  TestHost host;
  {
    TestInstance plugin(host);
    cw_base_view base = cw_base_view();
    base.struct_size = sizeof base;
    base.id = 1;
    base.address = ipv4("192.168.0.100", 41641);
    base.interface_name = {"eth0", 4};
    const cw_array bases = {&base, 1, sizeof base};
    CAUSEWAY_CHECK(source.set_bases(plugin.get(), &bases) == CW_OK);
    CAUSEWAY_CHECK(host.found.size() == 1 && equal(host.found[0].address, ipv4("203.0.113.7", 51820)));
    CAUSEWAY_CHECK(host.done == 1 && host.log.size() == 1);

    // The file changes; the next look takes the old one back.
    std::uint32_t timer = 0;
    write_file(path, "eth0 203.0.113.7:51821\n");
    CAUSEWAY_CHECK(host.next_timer(timer) && source.on_timer(plugin.get(), timer) == CW_OK);
    CAUSEWAY_CHECK(host.found.size() == 1 && equal(host.found[0].address, ipv4("203.0.113.7", 51821)));

    ::unlink(path);
    CAUSEWAY_CHECK(host.next_timer(timer) && source.on_timer(plugin.get(), timer) == CW_OK);
    CAUSEWAY_CHECK(host.found.empty());
  }
}
