import os

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

site = os.environ.get("SITE", "http://localhost:8080")


@pytest.fixture
def driver():
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in "headless", "no-sandbox", "disable-gpu", "disable-quic", "disable-background-networking":
        options.add_argument("--" + flag)
    with webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver")) as chromium:
        yield chromium


def test_sign_in(signet, device, driver):
    signet.install(driver, device, site, bypass_csp=True)  # before the page is opened
    driver.get(site)

    def text(id):
        return driver.find_element(By.ID, id).text

    def press(id):
        driver.find_element(By.ID, id).click()
        WebDriverWait(driver, 10).until(lambda _: text("status"))
        return text("status")

    name = driver.find_element(By.ID, "name")
    name.clear()
    name.send_keys("selma")
    assert press("register") == "registered"
    assert press("signout") == "signed out"
    assert press("signin") == "signed in"
    assert text("user") == "selma"

    press("signout")
    device.next(mutate=["login.origin.port"])
    said = press("signin")
    assert said.startswith("Error: ") and "origin" in said  # the site's own words
    assert device.events()[-1]["mutations"] == ["login.origin.port"]  # what it judged
    assert text("user") == "nobody"
