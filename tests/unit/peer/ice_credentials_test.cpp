#include "peer/ice_credentials.hpp"

#include <gtest/gtest.h>

#include "crypto/x25519.hpp"

namespace causeway::peer {
namespace {

TEST(IceCredentials, BothEndsDeriveTheSamePasswords) {
  SeededRandom random(1);
  const auto a = crypto::generate_session_keys(random);
  const auto b = crypto::generate_session_keys(random);
  const auto at_a = *crypto::shared_secret(a.secret, b.public_key);
  const auto at_b = *crypto::shared_secret(b.secret, a.public_key);
  const std::string ufrag = make_ufrag(random);
  EXPECT_EQ(derive_password(at_a, a.public_key, ufrag), derive_password(at_b, a.public_key, ufrag));
  EXPECT_EQ(derive_password(at_a, a.public_key, ufrag).size(), 32u);
}

TEST(IceCredentials, PasswordDependsOnOwnerAndUfrag) {
  SeededRandom random(2);
  const auto a = crypto::generate_session_keys(random);
  const auto b = crypto::generate_session_keys(random);
  const auto shared = *crypto::shared_secret(a.secret, b.public_key);
  const std::string one = make_ufrag(random), other = make_ufrag(random);
  EXPECT_NE(one, other);
  EXPECT_NE(derive_password(shared, a.public_key, one), derive_password(shared, a.public_key, other));
  EXPECT_NE(derive_password(shared, a.public_key, one), derive_password(shared, b.public_key, one));
}

TEST(IceCredentials, AreMadeOfIceChars) {
  SeededRandom random(3);
  const std::string ufrag = make_ufrag(random);
  EXPECT_EQ(ufrag.size(), 16u);
  EXPECT_EQ(ufrag.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
            std::string::npos);
}

}  // namespace
}  // namespace causeway::peer
