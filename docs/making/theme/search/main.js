// In place of MkDocs's: scripts instead of a worker that fetches, so that it also works from files;
// titles count more, all words have to be there if any place has them all, and the match is shown.
document.addEventListener('DOMContentLoaded', function () {
    var input = document.getElementById('mkdocs-search-query');
    var list = document.getElementById('mkdocs-search-results');
    var most = 30;
    var places = {};
    var index;

    function load(name, then) {
        var script = document.createElement('script');
        script.src = base_url + '/search/' + name;
        script.onload = then;
        document.head.appendChild(script);
    }

    function build() {
        index = lunr(function () {
            this.ref('location');
            this.field('title', {boost: 10});
            this.field('text');
            searchIndex.docs.forEach(function (place) {
                places[place.location] = place;
                this.add(place);
            }, this);
        });
        show();
    }

    function found(words) {
        var hits = index.query(function (query) {
            words.forEach(function (word) {
                query.term(word, {boost: 10, usePipeline: true});
                query.term(word, {wildcard: lunr.Query.wildcard.TRAILING, usePipeline: false});
            });
        }).map(function (hit) { return places[hit.ref]; });
        var whole = hits.filter(function (place) {
            var text = (place.title + ' ' + place.text).toLowerCase();
            return words.every(function (word) { return text.indexOf(word) >= 0; });
        });
        return (whole.length ? whole : hits).filter(isNoTitle);
    }

    // A page and the heading with its title are one place.
    function isNoTitle(place) {
        var page = place.location.split('#')[0];
        return place.location === page || places[page].title !== place.title;
    }

    function plain(html) {
        return new DOMParser().parseFromString(html, 'text/html').body.textContent;
    }

    function summary(text, word) {
        var at = Math.max(0, text.toLowerCase().indexOf(word) - 60);
        return (at ? '… ' : '') + text.substring(at, at + 200);
    }

    function entry(place, word) {
        var article = document.createElement('article');
        var title = article.appendChild(document.createElement('h3'));
        var link = title.appendChild(document.createElement('a'));
        link.href = base_url + '/' + place.location;
        link.textContent = plain(place.title);
        var page = article.appendChild(document.createElement('small'));
        page.textContent = place.location.split('#')[0].replace('.html', '');
        article.appendChild(document.createElement('p')).textContent = summary(plain(place.text), word);
        return article;
    }

    function show() {
        var words = input.value.toLowerCase().match(/\S{2,}/g);
        if (!index || !words) { return list.replaceChildren(); }
        var entries = found(words).slice(0, most).map(function (place) {
            return entry(place, words[0]);
        });
        list.replaceChildren.apply(list, entries.length ? entries : ['Nothing of that is here.']);
    }

    function begin() {
        load('lunr.js', function () { load('search_index.js', build); });
        input.removeEventListener('focus', begin);
    }

    input.addEventListener('focus', begin);
    input.addEventListener('input', show);
});
