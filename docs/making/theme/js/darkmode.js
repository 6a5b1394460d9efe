// In place of the theme's, which wants the style sheets of highlight.js: follow the system.
(function () {
    var dark = window.matchMedia('(prefers-color-scheme: dark)');
    function follow() {
        document.documentElement.setAttribute('data-bs-theme', dark.matches ? 'dark' : 'light');
    }
    dark.addEventListener('change', follow);
    follow();
})();
