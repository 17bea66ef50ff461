#include "daemon/hosts_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace causeway::daemon {
namespace {

const std::string kOther = "127.0.0.1\tlocalhost\n# mine\n";
const std::string kBlock =
    "# BEGIN causeway /var/lib/a\n10.10.0.101 n1.cw\n10.10.0.102 n2.cw\n# END causeway /var/lib/a\n";

std::vector<HostName> names() {
  return {{*net::IpAddress::parse("10.10.0.101"), "n1"}, {*net::IpAddress::parse("10.10.0.102"), "n2"}};
}

TEST(HostsBlock, IsAppendedAndTheRestStays) {
  EXPECT_EQ(replace_hosts_block(kOther, "/var/lib/a", names()), kOther + kBlock);
  EXPECT_EQ(replace_hosts_block("", "/var/lib/a", names()), kBlock);
  EXPECT_EQ(replace_hosts_block("::1 x", "/var/lib/a", names()), "::1 x\n" + kBlock);
}

TEST(HostsBlock, IsReplacedWhereItStands) {
  const std::string before =
      "first\n# BEGIN causeway /var/lib/a\n10.10.0.7 old.cw\n# END causeway /var/lib/a\nlast\n";
  EXPECT_EQ(replace_hosts_block(before, "/var/lib/a", names()), "first\n" + kBlock + "last\n");
  EXPECT_EQ(replace_hosts_block(kOther + kBlock, "/var/lib/a", names()), kOther + kBlock);
}

TEST(HostsBlock, GoesWithItsLastName) {
  EXPECT_EQ(replace_hosts_block(kOther + kBlock, "/var/lib/a", {}), kOther);
  EXPECT_EQ(replace_hosts_block(kOther, "/var/lib/a", {}), kOther);
}

TEST(HostsBlock, OfAnotherDirectoryIsLeftAlone) {
  const std::string other = "# BEGIN causeway /var/lib/ab\n10.0.0.1 x.cw\n# END causeway /var/lib/ab\n";
  EXPECT_EQ(replace_hosts_block(other, "/var/lib/a", names()), other + kBlock);
  EXPECT_EQ(replace_hosts_block(other + kBlock, "/var/lib/a", {}), other);
}

TEST(HostsBlock, WithoutItsEndLosesOnlyTheMarker) {
  EXPECT_EQ(replace_hosts_block("# BEGIN causeway /var/lib/a\nkeep\n", "/var/lib/a", {}), "keep\n");
  EXPECT_EQ(replace_hosts_block("# BEGIN causeway /var/lib/a", "/var/lib/a", {}), "");
  EXPECT_EQ(replace_hosts_block(kBlock + kOther + kBlock, "/var/lib/a", names()), kBlock + kOther)
      << "twice becomes once";
}

TEST(HostsBlock, NamesThatCouldBreakTheFileAreLeftOut) {
  const auto address = *net::IpAddress::parse("10.10.0.101");
  EXPECT_EQ(replace_hosts_block(kOther, "/var/lib/a",
                                {{address, "a\n127.0.0.1 bank"}, {address, ""}, {address, "a b"}}),
            kOther);
  EXPECT_EQ(replace_hosts_block("", "o", {{address, "n1"}, {*net::IpAddress::parse("10.10.0.9"), "N1"}}),
            "# BEGIN causeway o\n10.10.0.101 n1.cw\n# END causeway o\n")
      << "the first of a name counts";
}

class HostsFile : public testing::Test {
 protected:
  HostsFile() {
    char name[] = "/tmp/causeway-hosts-XXXXXX";
    base = ::mkdtemp(name);
    file = base / "hosts";
  }
  ~HostsFile() override { std::filesystem::remove_all(base); }
  std::string read() {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  std::filesystem::path base, file;
};

TEST_F(HostsFile, IsRewrittenWithItsModeAndThroughALink) {
  std::ofstream(base / "real") << kOther;
  ASSERT_EQ(::chmod((base / "real").c_str(), 0640), 0);
  std::filesystem::create_symlink("real", file);
  ASSERT_TRUE(update_hosts_file(file, "/var/lib/a", names()));
  EXPECT_EQ(read(), kOther + kBlock);
  EXPECT_TRUE(std::filesystem::is_symlink(file));
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0640u);
  ASSERT_TRUE(update_hosts_file(file, "/var/lib/a", {}));
  EXPECT_EQ(read(), kOther);
}

TEST_F(HostsFile, IsMadeWhenThereIsNone) {
  ASSERT_TRUE(update_hosts_file(file, "/var/lib/a", {}));
  EXPECT_FALSE(std::filesystem::exists(file)) << "nothing to say";
  ASSERT_TRUE(update_hosts_file(file, "/var/lib/a", names()));
  EXPECT_EQ(read(), kBlock);
}

}  // namespace
}  // namespace causeway::daemon
